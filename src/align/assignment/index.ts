export { type Assignment, type AssignmentOptions, type AssignmentSize, solveAssignment } from "./assignment.ts";
