/** The beat of the project that is shown: another value whenever its stream has told something. */
import { createContext, useContext } from 'react';

export const Beat = createContext<unknown>(null);
export const useBeat = () => useContext(Beat);
